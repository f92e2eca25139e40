import '../../system/backup/lock-matrix.test.js';
