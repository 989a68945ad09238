// A Svelte component's `$session` is a subscription to this store; the component compiler adds nothing to it.
import { createAuthClient } from "better-auth/svelte";
import { publish, stateOf } from "./state.js";

const client = createAuthClient();
const guard = document.createElement("p");
guard.id = "guard";

publish(client);
document.getElementById("root").append(guard);
client.useSession().subscribe((session) => {
  guard.dataset.state = stateOf(session);
  guard.textContent = session.data?.user.email ?? "";
});
