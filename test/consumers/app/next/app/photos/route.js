import { startSyncMedia } from 'syncmedia';
import { Photo } from '../../photo.mjs';

export async function POST(request) {
  if (startSyncMedia !== globalThis.startSyncMediaOfServer) throw new Error('the route and the server have two copies of syncmedia');
  const { file } = await request.json();
  return Response.json(await Photo.create({ file }), { status: 201 });
}
