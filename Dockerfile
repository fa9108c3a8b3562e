# The build runs on the builder's own architecture and compiles for the target's, so that no emulator is needed.
FROM --platform=$BUILDPLATFORM mcr.microsoft.com/dotnet/sdk:10.0 AS build
ARG TARGETARCH
WORKDIR /source

# Restored from the files that name the packages alone: this layer outlives every change of the code.
# The first restore holds each package to the lock file. The second adds what compiling ahead of time takes (compiler and
# reference runtime of one architecture); the lock file knows no architecture, so a throw-away one takes its place.
COPY global.json Directory.Build.props Directory.Packages.props ./
COPY src/LlmGateway/LlmGateway.csproj src/LlmGateway/packages.lock.json src/LlmGateway/
RUN dotnet restore src/LlmGateway --locked-mode \
 && dotnet restore src/LlmGateway --arch $TARGETARCH -p:PublishReadyToRun=true -p:NuGetLockFilePath=obj/packages.lock.json

COPY . .
RUN dotnet publish src/LlmGateway --no-restore --configuration Release --arch $TARGETARCH --self-contained false \
    -p:PublishReadyToRun=true -p:UseAppHost=false --output /app

# No shell, no package manager, and a user of its own (1654).
FROM mcr.microsoft.com/dotnet/aspnet:10.0-noble-chiseled
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
    CMD ["dotnet", "LlmGateway.dll", "healthcheck"]
ENTRYPOINT ["dotnet", "LlmGateway.dll"]
