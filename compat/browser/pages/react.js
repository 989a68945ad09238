import { createAuthClient } from "better-auth/react";
import { createElement } from "react";
import { createRoot } from "react-dom/client";
import { publish, stateOf } from "./state.js";

const client = createAuthClient();

function Guard() {
  const { data, isPending, error } = client.useSession();
  const state = stateOf({ data, isPending, error });
  return createElement("p", { id: "guard", "data-state": state }, data?.user.email ?? "");
}

publish(client);
createRoot(document.getElementById("root")).render(createElement(Guard));
