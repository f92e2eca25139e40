import '../../unit/manifest.test.js';
