DROP TABLE `jwks`;
