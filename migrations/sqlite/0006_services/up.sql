CREATE TABLE IF NOT EXISTS "authService" (
    "name" text NOT NULL PRIMARY KEY,
    "jwksUrl" text,
    "createdAt" date NOT NULL,
    "disabledAt" date
);
CREATE TABLE IF NOT EXISTS "authServiceKey" (
    "id" text NOT NULL PRIMARY KEY,
    "service" text NOT NULL REFERENCES "authService" ("name") ON DELETE CASCADE,
    "publicKey" text NOT NULL,
    "createdAt" date NOT NULL,
    "expiresAt" date
);
CREATE TABLE IF NOT EXISTS "authServiceCode" (
    "id" text NOT NULL PRIMARY KEY,
    "service" text NOT NULL REFERENCES "authService" ("name") ON DELETE CASCADE,
    "createdAt" date NOT NULL,
    "expiresAt" date NOT NULL
);
CREATE TABLE IF NOT EXISTS "authServiceAssertion" (
    "id" text NOT NULL PRIMARY KEY,
    "expiresAt" date NOT NULL
);
