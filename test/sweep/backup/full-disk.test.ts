import '../../system/backup/full-disk.test.js';
