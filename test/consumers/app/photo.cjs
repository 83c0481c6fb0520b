const mongoose = require('mongoose');
const { syncMedia } = require('syncmedia');

const schema = new mongoose.Schema({ file: String });
schema.plugin(syncMedia, { syncDirs: 'uploads' });
exports.Photo = mongoose.model('Photo', schema);
