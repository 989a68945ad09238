DROP TABLE `signingKey`;
