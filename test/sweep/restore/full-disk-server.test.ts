import '../../system/restore/full-disk-server.test.js';
