// A site on several machines: an upload lands on the one that took the request, syncmedia brings it
// to the others.
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { rename, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import express, { type ErrorRequestHandler } from 'express';
import mongoose from 'mongoose';
import multer from 'multer';
import { serveMedia, startSyncMedia, syncAdmin, syncReady } from 'syncmedia';
import { renderError, renderPage } from './page.js';
import { PhotoModel } from './photo.js';
import { makeThumbnail, namePicture, NotAPicture, PHOTOS, sizeOf, thumbnailOf } from './picture.js';

const host = process.env.SYNCMEDIA_HOSTNAME ?? hostname();
const root = process.env.SYNCMEDIA_ROOT ?? process.cwd();

const app = express();
app.disable('x-powered-by');
app.use((_request, response, next) => {
  response.set({
    'Content-Security-Policy':
      "default-src 'none'; img-src 'self'; style-src 'unsafe-inline'; form-action 'self'",
    'X-Content-Type-Options': 'nosniff',
  });
  next();
});

// Hosts, status, push and pull. It refuses everyone until SYNCMEDIA_ADMIN_TOKEN is set or it is
// given an `authorize`.
app.use('/sync-admin', syncAdmin());

// What has not arrived here yet is fetched from a host that has it. Uploads can't run in this
// origin, whatever is in them.
app.use('/uploads', serveMedia('uploads'));

// For a load balancer.
app.use('/ready', syncReady());

app.get('/', async (_request, response) => {
  const photos = await PhotoModel.find().sort({ createdAt: -1 }).limit(60).lean();
  const shown = photos.map(async ({ title, picture, savedOn }) => {
    const thumbnail = thumbnailOf(picture);
    const [bytes, thumbnailBytes] = await Promise.all([
      sizeOf(root, picture),
      sizeOf(root, thumbnail),
    ]);
    return {
      title,
      savedOn,
      picture: { path: picture, bytes },
      thumbnail: { path: thumbnail, bytes: thumbnailBytes },
    };
  });
  response.type('html').send(renderPage(host, root, await Promise.all(shown)));
});

const upload = multer({
  // The directory is not made here: where it is missing its disk may not be mounted.
  storage: multer.diskStorage({
    destination: join(root, PHOTOS),
    // Never the name that the visitor's browser sent. `*.tmp` is excluded until we know what it is.
    filename: (_request, _file, done) => {
      done(null, `${randomUUID()}.tmp`);
    },
  }),
  limits: { fileSize: 10 * 1024 * 1024, files: 1, fields: 5 },
});

app.post('/photos', upload.single('picture'), async (request, response) => {
  if (!request.file) throw new NotAPicture('Choose a picture.');
  const { title } = request.body as { title?: unknown };
  try {
    const picture = await namePicture(request.file.path);
    const photo = new PhotoModel({
      title: typeof title === 'string' ? title : '',
      picture,
      savedOn: host,
    });
    await photo.validate();
    // First the file, then the document that names it. Should the save fail the file stays: after a
    // lost connection the document may have been saved all the same.
    await rename(request.file.path, join(root, picture));
    await makeThumbnail(root, picture);
    await photo.save();
    response.format({
      html: () => {
        response.redirect(303, '/');
      },
      json: () => {
        response
          .status(201)
          .json({ picture: `/${picture}`, thumbnail: `/${thumbnailOf(picture)}` });
      },
    });
  } finally {
    await rm(request.file.path, { force: true });
  }
});

const explainError: ErrorRequestHandler = (error: unknown, _request, response, next) => {
  if (response.headersSent) {
    next(error);
    return;
  }
  const message = explainToVisitor(error);
  if (message === undefined) console.error(error);
  response
    .status(message === undefined ? 500 : 400)
    .type('html')
    .send(renderError(host, message ?? 'Something went wrong here. The picture was not saved.'));
};
app.use(explainError);

/** What the visitor can do better; undefined where it is our fault. */
function explainToVisitor(error: unknown): string | undefined {
  if (error instanceof mongoose.Error.ValidationError)
    return Object.values(error.errors)
      .map(({ message }) => message)
      .join(' ');
  if (error instanceof multer.MulterError) return `${error.message}.`;
  return error instanceof NotAPicture ? error.message : undefined;
}

// Not at the top level, where CommonJS cannot wait.
async function start(): Promise<void> {
  await mongoose.connect(process.env.SYNCMEDIA_MONGODB_URI ?? 'mongodb://127.0.0.1/upload-app');
  const sync = await startSyncMedia();
  const server = app.listen(Number(process.env.PORT ?? 3000), process.env.ADDRESS ?? '127.0.0.1');
  await once(server, 'listening');
  console.log(`${host} listens on port ${String(process.env.PORT ?? 3000)}`);

  // syncmedia installs no signal handlers: the app decides how it ends. First no new requests, then
  // what they began.
  async function close(): Promise<void> {
    const ended = once(server, 'close');
    server.close();
    setTimeout(() => {
      server.closeAllConnections();
    }, 5000).unref();
    await ended;
    await sync.close();
    await mongoose.disconnect();
  }
  let closing = false;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (closing) return;
      closing = true;
      close().catch(fail);
    });
  }
}

function fail(error: unknown): void {
  console.error(error);
  process.exit(1);
}
start().catch(fail);
