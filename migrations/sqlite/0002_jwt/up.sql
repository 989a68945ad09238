CREATE TABLE IF NOT EXISTS "jwks" (
    "id" text /*id*/ NOT NULL PRIMARY KEY,
    "publicKey" text NOT NULL,
    "privateKey" text NOT NULL,
    "createdAt" date NOT NULL,
    "expiresAt" date,
    "alg" text,
    "crv" text
);
