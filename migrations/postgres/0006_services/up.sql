CREATE TABLE IF NOT EXISTS "authService" (
    "name" text NOT NULL PRIMARY KEY,
    "jwksUrl" text,
    "createdAt" timestamptz NOT NULL,
    "disabledAt" timestamptz
);
CREATE TABLE IF NOT EXISTS "authServiceKey" (
    "id" text NOT NULL PRIMARY KEY,
    "service" text NOT NULL REFERENCES "authService" ("name") ON DELETE CASCADE,
    "publicKey" text NOT NULL,
    "createdAt" timestamptz NOT NULL,
    "expiresAt" timestamptz
);
CREATE TABLE IF NOT EXISTS "authServiceCode" (
    "id" text NOT NULL PRIMARY KEY,
    "service" text NOT NULL REFERENCES "authService" ("name") ON DELETE CASCADE,
    "createdAt" timestamptz NOT NULL,
    "expiresAt" timestamptz NOT NULL
);
CREATE TABLE IF NOT EXISTS "authServiceAssertion" (
    "id" text NOT NULL PRIMARY KEY,
    "expiresAt" timestamptz NOT NULL
);
