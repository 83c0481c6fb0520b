import { Photo } from '../../photo.mjs';

export async function POST(request) {
  const { file } = await request.json();
  return Response.json(await Photo.create({ file }), { status: 201 });
}
