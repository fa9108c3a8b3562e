# Compiled ahead of time: to the first answer it takes a fifth of the time, and two thirds of the memory, and the image holds no runtime.
# It is compiled for the machine that builds it: for another architecture, build on one, or under emulation (`--platform`).
FROM mcr.microsoft.com/dotnet/sdk:10.0-noble-aot AS build
ARG TARGETARCH
WORKDIR /source

# Restored from the files that name the packages alone: this layer outlives every change of the code.
# The first restore holds each package to the lock file. The second adds the compiler, of one architecture.
COPY global.json Directory.Build.props Directory.Packages.props ./
COPY src/LlmGateway/LlmGateway.csproj src/LlmGateway/packages.lock.json src/LlmGateway/
RUN dotnet restore src/LlmGateway --locked-mode \
 && dotnet restore src/LlmGateway --arch $TARGETARCH -p:PublishAot=true

COPY . .
RUN dotnet publish src/LlmGateway --no-restore --configuration Release --arch $TARGETARCH \
    -p:PublishAot=true --output /app \
 && rm /app/LlmGateway.xml

# No shell, no package manager, and a user of its own (1654).
FROM mcr.microsoft.com/dotnet/runtime-deps:10.0-noble-chiseled
WORKDIR /app
COPY --from=build /app .

# All interfaces of the container: what the host publishes is decided outside. The base image's own port variable is emptied,
# or every start would warn that two settings name the port. Without its diagnostics socket the runtime writes no file, so the
# root file system can be read-only.
ENV ASPNETCORE_URLS=http://0.0.0.0:8080 \
    ASPNETCORE_HTTP_PORTS= \
    DOTNET_EnableDiagnostics=0
USER $APP_UID
EXPOSE 8080
STOPSIGNAL SIGTERM

# The image has no curl: the program asks itself.
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --start-interval=1s --retries=3 \
    CMD ["/app/LlmGateway", "healthcheck"]
ENTRYPOINT ["/app/LlmGateway"]
