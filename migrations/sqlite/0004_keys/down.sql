DROP TABLE "signingKey";
