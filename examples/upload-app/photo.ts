import { type HydratedDocument, model, Schema } from 'mongoose';
import { syncMedia } from 'syncmedia';

export interface Photo {
  title: string;
  /**
   * Below the root, such as `uploads/photos/4f6c….jpg`. Saving a document that names a file is what
   * sends the file.
   */
  picture: string;
  /** The host that took the upload. */
  savedOn: string;
  createdAt: Date;
}
export type PhotoDocument = HydratedDocument<Photo>;

const photoSchema = new Schema<Photo>(
  {
    title: {
      type: String,
      required: [true, 'Give the picture a title.'],
      trim: true,
      maxlength: 200,
    },
    picture: { type: String, required: true },
    savedOn: { type: String, required: true },
  },
  { timestamps: true },
);

// Before the model is compiled. The rescan finds files that no document names: the thumbnail beside
// each picture. Its default is 30 s after a save; 2 s here give something to watch.
photoSchema.plugin(syncMedia, { syncDirs: ['uploads/photos'], exclude: '*.tmp', rescan: 2 });

export const PhotoModel = model<Photo>('Photo', photoSchema);
