DROP TABLE "auth_revocation_head";
DROP TABLE "auth_revocation";
