// What the sound tab knows: the service's voices and limits, and which call is under way.

export const state = {
  voices: new Map(),
  limit: Infinity, // seconds of a call
  example: undefined, // a recording for those who have none at hand
  current: undefined, // the call under way
  last: undefined, // the call that is shown
  changed() {}, // is called when what can be done has changed
};
