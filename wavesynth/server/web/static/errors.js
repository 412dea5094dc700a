// What went wrong, in a sentence that says what to do.

const BROKEN = "The connection to the service was lost. It is looked for again; what was heard until then is kept.";

/** Of a call that the service ended: { code, message, retryAfterMs }, or no code if the connection did. */
function refusal({ code, message, retryAfterMs }) {
  switch (code) {
    case "RESOURCE_EXHAUSTED": {
      const seconds = Math.max(1, Math.ceil((retryAfterMs ?? 1000) / 1000));
      return `The service is full: all its places are taken. Try again in ${seconds} s.`;
    }
    case "UNAUTHENTICATED":
      return "The service wants a token, and has not got the right one: ask whoever runs it, and enter it above.";
    case "UNAVAILABLE":
      return "The service is shutting down. Try again when it is back.";
    case "LOST":
      return navigator.onLine ? BROKEN : "This device has no network. What was heard until then is kept.";
    case "UNREACHABLE":
      return "The service cannot be reached: it may have been stopped. It is looked for again.";
    default:
      return `The service could not do it: ${message}.`;
  }
}

const MICROPHONE = {
  NotAllowedError: "The microphone is not allowed. Allow it in the address bar of the browser, and press Speak again.",
  NotFoundError: "There is no microphone. Connect one, and press Speak again.",
  NotReadableError: "The microphone cannot be opened: another program may have it. Close that, and press Speak again.",
};

/** Why nothing can be played or recorded here, or "" if it can. */
export function insecure() {
  if (isSecureContext && navigator.mediaDevices) return "";
  return (
    "This page came over plain http from another machine. Browsers then allow it neither microphone nor sound: " +
    "open it over https, which serve --tls-cert and --tls-key give, or on the service's own machine."
  );
}

/** The sentence for what was thrown or sent. */
export function sentence(error) {
  if (error.code && typeof error.code === "string") return refusal(error);
  return MICROPHONE[error.name] ?? `It did not work: ${error.message}.`;
}
