DROP TABLE "authServiceAssertion";
DROP TABLE "authServiceCode";
DROP TABLE "authServiceKey";
DROP TABLE "authService";
