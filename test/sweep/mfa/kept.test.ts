import '../../system/mfa/kept.test.js';
