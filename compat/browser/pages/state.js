/** The states that a page's guard shows: every state that it was in is kept, in order, without repetitions. */
const seen = [];

export function stateOf({ data, isPending, error }) {
  const state = isPending ? "loading" : error ? "error" : data ? "signed-in" : "signed-out";
  if (seen.at(-1) !== state) seen.push(state);
  return state;
}

/** Lets the test act as the page's own buttons would. */
export function publish(client) {
  window.page = { client, seen };
}
