import '../../system/setup/planted-names.test.js';
