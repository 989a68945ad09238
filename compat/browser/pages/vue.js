import { createAuthClient } from "better-auth/vue";
import { createApp, h } from "vue";
import { publish, stateOf } from "./state.js";

const client = createAuthClient();

publish(client);
createApp({
  setup() {
    const session = client.useSession();
    return () => h("p", { id: "guard", "data-state": stateOf(session.value) }, session.value.data?.user.email ?? "");
  },
}).mount("#root");
