import '../../system/backup/two-at-once.test.js';
