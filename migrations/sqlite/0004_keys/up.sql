CREATE TABLE IF NOT EXISTS "signingKey" (
    "kid" text NOT NULL PRIMARY KEY,
    "alg" text NOT NULL,
    "generation" integer NOT NULL,
    "state" text NOT NULL,
    "signing" text UNIQUE,
    "publishedAt" date NOT NULL,
    "signsFrom" date NOT NULL,
    "retiresAt" date,
    "goneAt" date,
    "revokedAt" date,
    UNIQUE ("alg", "generation"),
    CHECK (("state" = 'signing') = ("signing" IS NOT NULL) AND COALESCE("signing", "alg") = "alg")
);
