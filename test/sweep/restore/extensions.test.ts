import '../../system/restore/extensions.test.js';
