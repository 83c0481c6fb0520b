// The same site in NestJS.
import 'reflect-metadata';
import assert from 'node:assert';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { Body, Controller, Module, Post, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { InjectConnection, InjectModel, MongooseModule, Prop, Schema, SchemaFactory } from '@nestjs/mongoose';
import mongoose, { type Model } from 'mongoose';
import { serveMedia, startSyncMedia, syncMedia, type SyncMediaInstance } from 'syncmedia';

@Schema()
class Photo {
  @Prop({ required: true })
  file!: string;
}
const PhotoSchema = SchemaFactory.createForClass(Photo);
PhotoSchema.plugin(syncMedia, { syncDirs: 'uploads' });

@Controller('photos')
class PhotosController {
  constructor(@InjectModel(Photo.name) private readonly photos: Model<Photo>) {}

  @Post()
  create(@Body() { file }: { file: string }): Promise<Photo> {
    return this.photos.create({ file });
  }
}

@Module({
  imports: [
    MongooseModule.forRoot(process.env.CONSUMER_MONGODB_URI ?? '', { serverSelectionTimeoutMS: 10_000 }),
    MongooseModule.forFeature([{ name: Photo.name, schema: PhotoSchema }]),
  ],
  controllers: [PhotosController],
})
class AppModule implements OnApplicationBootstrap, OnApplicationShutdown {
  sync!: SyncMediaInstance;

  constructor(@InjectConnection() private readonly connection: mongoose.Connection) {}

  async onApplicationBootstrap(): Promise<void> {
    this.sync = await startSyncMedia();
  }

  // After the last request, and before MongooseModule closes the connection.
  async onApplicationShutdown(): Promise<void> {
    assert.equal(this.connection.readyState, 1);
    await this.sync.close();
  }
}

const { visit } = createRequire(import.meta.url)('../visit.cjs') as {
  visit(words: string[], port: number, sync: SyncMediaInstance): Promise<void>;
};
const app = await NestFactory.create(AppModule, { logger: ['error', 'warn'] });
app.use('/uploads', serveMedia('uploads'));
await app.listen(0, '127.0.0.1');
try {
  const { port } = app.getHttpServer().address() as AddressInfo;
  await visit(process.argv.slice(2), port, app.get(AppModule).sync);
} finally {
  await app.close();
}
