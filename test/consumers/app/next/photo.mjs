import mongoose from 'mongoose';
import { syncMedia } from 'syncmedia';

const photoSchema = new mongoose.Schema({ file: String });
photoSchema.plugin(syncMedia, { syncDirs: 'uploads' });
// The server and the bundle of the route each run this file.
export const Photo = mongoose.models.Photo ?? mongoose.model('Photo', photoSchema);
