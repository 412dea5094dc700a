// What both tabs of the page need of the document.

export const $ = (id) => document.getElementById(id);

/** Says it where a screen reader reads it out. */
export function say(id, text, wrong = false) {
  $(id).textContent = text;
  $(id).classList.toggle("wrong", wrong);
}

/** Says above everything what stands in the way; "" takes it back. */
export function notice(text) {
  if ($("notice").textContent !== text) $("notice").textContent = text;
  $("notice").hidden = !text;
}

/** How far work has come, from 0 to 1; null hides the bar, undefined means that nobody knows. */
export function progress(id, done) {
  $(id).hidden = done === null;
  if (done === undefined || done === null) $(id).removeAttribute("value");
  else $(id).value = done;
}

/** A number with a true minus sign. */
export const signed = (number, digits = 0) => number.toFixed(digits).replace("-", "−").replace(/^−(0(\.0+)?)$/, "$1");

// Tabs, as the WAI-ARIA Authoring Practices have them: one of them is in the order of the Tab key, arrows go on.
const tabs = [...document.querySelectorAll('[role="tab"]')];

function choose(chosen) {
  for (const tab of tabs) {
    tab.setAttribute("aria-selected", tab === chosen);
    tab.tabIndex = tab === chosen ? 0 : -1;
    $(tab.getAttribute("aria-controls")).hidden = tab !== chosen;
  }
}

tabs.forEach((tab, i) => {
  tab.onclick = () => choose(tab);
  tab.onkeydown = ({ key }) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[key];
    if (!step) return;
    const next = tabs[(i + step + tabs.length) % tabs.length];
    choose(next);
    next.focus();
  };
});

// One token for both tabs: it is no setting, and no form sends it.
$("access").onsubmit = (event) => event.preventDefault();

/** Does what needs the token: now, and again when one was entered, until it is the right one. `tell` gets what is thrown. */
export function whenAllowed(action, tell) {
  const attempt = async () => {
    try {
      await action();
    } catch (error) {
      tell(error);
      if (error.code === "UNAUTHENTICATED") {
        $("access").hidden = false;
        $("token").focus();
        return;
      }
    }
    $("token").removeEventListener("change", attempt);
  };
  $("token").addEventListener("change", attempt);
  attempt();
}

/** The token, as a call's first message carries it: nothing where none is wanted. */
export const token = () => ($("token").value ? { token: $("token").value } : {});
