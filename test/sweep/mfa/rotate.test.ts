import '../../system/mfa/rotate.test.js';
