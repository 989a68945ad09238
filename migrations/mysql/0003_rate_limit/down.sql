DROP TABLE `rateLimit`;
