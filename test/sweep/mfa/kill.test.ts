import '../../system/mfa/kill.test.js';
