"""The page in a real Chromium: what goes wrong is said, with what to do."""

from contextlib import ExitStack

from tests.server.web.pages import expect, expect_idle, needs_chromium, opened, playwright
from wavesynth.server.web.config import WebConfig

pytestmark = needs_chromium


def test_what_goes_wrong_is_said(page, server, tmp_path):
    nonsense = tmp_path / "nonsense.wav"
    nonsense.write_bytes(b"nonsense")
    page.get_by_label("Choose a recording").set_input_files(nonsense)
    expect(page, r"nonsense\.wav is no recording that this browser can read")


def test_a_token_is_asked_for_where_one_is_wanted_and_a_full_service_says_so(page, chromium, serve):
    assert page.get_by_label("Token").is_hidden()
    with ExitStack() as stack:
        server = stack.enter_context(serve(web=WebConfig(port=0), token="secret", live_streams=1))
        wanted = "The service wants a token"
        one, two = (stack.enter_context(opened(chromium, server, status=wanted)) for _ in range(2))
        for page in (one, two):
            playwright.expect(page.get_by_label("Token")).to_be_focused()
            assert page.get_by_role("button", name="Speak").is_disabled()
            for token, status in ("wrong", wanted), ("secret", r"Ready\."):
                page.get_by_label("Token").fill(token)
                page.get_by_label("Token").press("Enter")
                expect(page, status)
        one.get_by_role("button", name="Speak").click()
        expect(one, "First sound")
        two.get_by_role("button", name="Speak").click()
        expect(two, r"The service is full: all its places are taken\. Try again in \d+ s\.")
        one.get_by_role("button", name="Stop").click()
        expect(one, "Stopped")


def test_calls_end_with_the_limit(chromium, server, speech):
    def two_seconds(page):
        page.route("**/voices", lambda route: route.fulfill(json=route.fetch().json() | {"maxSeconds": 2}))

    with opened(chromium, server, prepare=two_seconds) as page:
        page.get_by_label("Choose a recording").set_input_files(speech / "FLOAT.wav")
        expect(page, r"FLOAT\.wav has 3 seconds; the service takes at most 2\.")
        page.get_by_role("button", name="Speak").click()
        expect(page, "Ended after 2 seconds, the longest that the service allows")
        expect_idle(server)


def test_a_service_that_goes_is_missed(chromium, server):
    sockets = []

    def between(page):
        page.route_web_socket(
            "**/stream", lambda socket: (socket.connect_to_server(), sockets.append(socket))
        )

    with opened(chromium, server, prepare=between) as page:
        playwright.expect(page.get_by_text("Connected", exact=True)).to_be_visible()
        page.get_by_role("button", name="Speak").click()
        expect(page, "First sound")
        page.route_web_socket("**/stream", lambda socket: socket.close())  # no new ones
        for socket in sockets:
            socket.close()
        expect(page, "The connection to the service was lost")
        playwright.expect(page.get_by_text("Not connected")).to_be_visible()
        playwright.expect(page.get_by_role("link", name="Save what you heard")).to_be_visible()


def test_a_page_that_may_not_hear_says_why(chromium, server):
    with opened(chromium, server, host="far.test") as page:
        playwright.expect(page.get_by_role("alert")).to_contain_text("open it over https")
        assert page.get_by_role("button", name="Speak").is_disabled()


def test_gaps_mean_too_slow_and_silence_means_lost(page):
    told = page.evaluate(
        """async () => {
            const { Health, tooSlow } = await import("/static/health.js");
            const health = new Health(true);
            const slow = [health.slow];
            for (let gap = 0; gap < 3; gap++) health.gap();
            const voice = (name, layers) => ({ name, layers, melBands: 80 });
            const lost = [health.lost];
            health.sign -= 20_000; // nothing came back, though the microphone spoke
            lost.push(health.lost);
            health.asked -= 20_000; // nor did the microphone speak
            lost.push(health.lost);
            return [...slow, health.slow, lost, tooSlow(voice("large", 50), [voice("large", 50), voice("small", 30)])];
        }"""
    )
    assert told[:3] == [False, True, [False, True, False]]
    assert told[3].endswith("need less work: small.")


def test_what_somebody_smuggles_into_the_page_does_not_run(chromium, server):
    page = chromium.new_page()
    page.goto(f"http://127.0.0.1:{server.web_port}/")
    expect(page, r"Ready\.")
    ran = page.evaluate(
        """async () => {
            const refused = new Set();
            document.addEventListener("securitypolicyviolation", (event) => refused.add(event.effectiveDirective));
            const attempt = (action) => { try { action(); } catch {} };
            attempt(() => document.head.append(Object.assign(document.createElement("script"), { text: "ran = 1" })));
            attempt(() => document.body.setAttribute("onclick", "ran = 2"));
            document.body.click();
            attempt(() => document.body.insertAdjacentHTML("beforeend", "<img src=x onerror='ran = 3'>"));
            await fetch("http://127.0.0.1:1/").catch(() => {});
            const frame = document.createElement("iframe");
            frame.src = location.href;
            document.body.append(frame);
            await new Promise((resolve) => setTimeout(resolve, 100));
            return [typeof ran, refused.has("connect-src"), frame.contentDocument?.title];
        }"""
    )
    page.close()
    assert ran[:2] == ["undefined", True] and ran[2] != "wavesynth"
