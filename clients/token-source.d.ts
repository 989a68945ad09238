/** Why there is no token. */
export class TokenError extends Error {
  constructor(message: string, details?: { status?: number; retryAfterMs?: number; cause?: unknown });
  /** The server's status, if it answered: 401 means that nobody is signed in. */
  readonly status: number | undefined;
  readonly retryAfterMs: number | undefined;
}

export interface TokenSource {
  /** The token, a new one if need be. Whoever asks while one is on its way gets that one. */
  get(): Promise<string>;
  /** Forgets the token, for a sign-out. One that is on its way does not come back to life. */
  clear(): void;
  /** What the token says, for display; null when there is none. */
  claims(): Record<string, unknown> | null;
  /** `fetch` with the token. When the API answers 401, once more with a new one; then the answer stands. */
  fetch(input: RequestInfo | URL, init?: RequestInit): Promise<Response>;
}

/** Asks `GET url` for a token: in a browser with the session cookie, elsewhere with the session token in `headers`. */
export function askServer(
  url: string,
  options?: { headers?: HeadersInit; fetch?: typeof globalThis.fetch; timeoutMs?: number },
): () => Promise<string>;

/** What a token says. Nothing is verified here: that is the API's business. */
export function readClaims(token: string): Record<string, unknown>;

/** `origins`: the APIs that may see the token; without it `fetch` sends it wherever it is told to. */
export function tokenSource(
  ask: () => Promise<string>,
  options?: { origins?: string[]; fetch?: typeof globalThis.fetch; now?: () => number },
): TokenSource;
