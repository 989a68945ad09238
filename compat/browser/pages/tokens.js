// The module that keeps tokens, on a page whose clock the test moves.
import { askServer, tokenSource } from "../../../clients/token-source.js";

window.page = { ahead: 0 };
window.page.tokens = tokenSource(askServer("/api/auth/token"), { now: () => Date.now() + window.page.ahead });
