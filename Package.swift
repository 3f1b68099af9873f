// swift-tools-version: 6.2
import PackageDescription

/// Warnings are errors and three upcoming features are on, in every module of ours.
let settings: [SwiftSetting] = [
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
]

/// Nothing links against a program: no symbol of it is for others, what nobody calls goes, and relocations are packed.
///
/// gold, the default, would export every symbol, keep what it names, and can't pack.
let lean = [
    "-use-ld=lld", "-Xlinker", "--no-export-dynamic", "-Xlinker", "-z", "-Xlinker", "pack-relative-relocs",
]

let crypto: Target.Dependency = .product(name: "Crypto", package: "swift-crypto")
let cryptoExtras: Target.Dependency = .product(name: "CryptoExtras", package: "swift-crypto")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let lifecycle: Target.Dependency = .product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let nioCore: Target.Dependency = .product(name: "NIOCore", package: "swift-nio")
let nioPosix: Target.Dependency = .product(name: "NIOPosix", package: "swift-nio")
let nioHTTP1: Target.Dependency = .product(name: "NIOHTTP1", package: "swift-nio")
let nioSSL: Target.Dependency = .product(name: "NIOSSL", package: "swift-nio-ssl")
let nioTLS: Target.Dependency = .product(name: "NIOTLS", package: "swift-nio")
let asyncHTTPClient: Target.Dependency = .product(name: "AsyncHTTPClient", package: "async-http-client")
let certificates: Target.Dependency = .product(name: "X509", package: "swift-certificates")
let asn1: Target.Dependency = .product(name: "SwiftASN1", package: "swift-asn1")
let grpc: Target.Dependency = .product(name: "GRPCCore", package: "grpc-swift-2")
let grpcTransport: Target.Dependency = .product(
    name: "GRPCNIOTransportHTTP2Posix",
    package: "grpc-swift-nio-transport"
)
let protobuf: Target.Dependency = .product(name: "SwiftProtobuf", package: "swift-protobuf")

let package = Package(
    name: "jobsworth",
    products: [.executable(name: "jobsworth", targets: ["CLI"])],
    traits: [
        .default(enabledTraits: ["PostgreSQL"]),
        .trait(name: "PostgreSQL", description: "Storage on PostgreSQL, through libpq; SQLite alone without it."),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-configuration", from: "1.4.0", traits: []),
        .package(url: "https://github.com/apple/swift-asn1", from: "1.7.4"),
        .package(url: "https://github.com/apple/swift-certificates", from: "1.21.1"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-extras", from: "1.35.2"),
        .package(url: "https://github.com/apple/swift-nio-http2", from: "1.46.0"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0", traits: []),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/grpc/grpc-swift-2", from: "2.4.3"),
        .package(url: "https://github.com/grpc/grpc-swift-nio-transport", from: "2.9.2"),
        .package(url: "https://github.com/grpc/grpc-swift-protobuf", from: "2.4.1"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        // Tests only: an independent reader of our tokens.
        .package(url: "https://github.com/vapor/jwt-kit", from: "5.7.1"),
    ],
    targets: [
        // Core: values and decisions, no I/O.
        .target(name: "JOSE", dependencies: [crypto, cryptoExtras], swiftSettings: settings),
        .target(name: "Keys", dependencies: ["JOSE", crypto], swiftSettings: settings),
        .target(name: "Discovery", dependencies: ["JOSE", "Keys", crypto], swiftSettings: settings),
        .target(name: "Policy", dependencies: ["JOSE"], swiftSettings: settings),
        .target(
            name: "Issuer",
            dependencies: ["JOSE", "Keys", "Discovery", "Policy", crypto],
            swiftSettings: settings
        ),
        .target(name: "JobFile", dependencies: ["JOSE"], swiftSettings: settings),
        .target(
            name: "SPIFFE",
            dependencies: ["JOSE", "Keys", crypto, certificates, asn1],
            swiftSettings: settings
        ),
        .target(name: "Attestation", dependencies: ["JOSE", "Keys", "Discovery", "SPIFFE"], swiftSettings: settings),

        // Edge: one outside thing each. They never import each other.
        .target(
            name: "Storage",
            dependencies: [
                "JOSE", "Keys", "Policy", "Issuer", "CLinux", crypto, logging,
                .product(name: "GRDB", package: "GRDB.swift"),
                .product(name: "GRDBSQLite", package: "GRDB.swift"),
            ],
            swiftSettings: settings
        ),
        .target(
            name: "PostgresStorage",
            dependencies: [
                "JOSE", "Keys", "Policy", "Issuer", crypto, logging,
                .target(name: "CPostgres", condition: .when(traits: ["PostgreSQL"])),
            ],
            swiftSettings: settings
        ),
        .target(name: "CPostgres"),
        .target(
            name: "Server",
            dependencies: [
                "JOSE", "Keys", "Discovery", "Policy", "Issuer", "CLinux", "CNghttp2", crypto, logging, lifecycle,
                nioCore, nioPosix, nioHTTP1, nioSSL, nioTLS,
                .product(name: "NIOExtras", package: "swift-nio-extras"),
            ],
            swiftSettings: settings
        ),
        .target(
            name: "Publication",
            dependencies: [
                "JOSE", "Keys", "Discovery", crypto, nioCore, nioHTTP1, asyncHTTPClient,
            ],
            swiftSettings: settings
        ),
        .target(
            name: "Agent",
            dependencies: [
                "JOSE", "Keys", "SPIFFE", "Attestation", "WorkloadAPI", "CLinux", logging, lifecycle,
                nioCore, nioPosix, grpc, grpcTransport, protobuf,
                .product(name: "NIOHTTP2", package: "swift-nio-http2"),
                .product(name: "NIOHPACK", package: "swift-nio-http2"),
            ],
            swiftSettings: settings
        ),
        // Generated: make workload-api.
        .target(
            name: "WorkloadAPI",
            dependencies: [
                grpc, protobuf, .product(name: "GRPCProtobuf", package: "grpc-swift-protobuf"),
            ],
            exclude: ["workloadapi.proto", "health.proto"]
        ),
        .target(name: "CLinux"),
        // The system's HTTP/2 (Debian: libnghttp2-dev).
        .systemLibrary(name: "CNghttp2"),

        // The only place that wires.
        .executableTarget(
            name: "CLI",
            dependencies: [
                "JOSE", "Keys", "Discovery", "Policy", "Issuer", "JobFile", "SPIFFE", "Attestation", "Storage",
                "Server", "Publication", "Agent", "WorkloadAPI", "CLinux", crypto, logging, lifecycle,
                .target(name: "PostgresStorage", condition: .when(traits: ["PostgreSQL"])), nioCore, nioPosix, nioHTTP1,
                nioSSL, asyncHTTPClient, certificates, asn1, grpc, grpcTransport, protobuf,
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Configuration", package: "swift-configuration"),
                .product(name: "Yams", package: "Yams"),
            ],
            swiftSettings: settings,
            linkerSettings: [.unsafeFlags(lean, .when(platforms: [.linux], configuration: .release))]
        ),

        .target(
            name: "TestSupport",
            dependencies: ["JOSE", "Keys"],
            path: "Tests/Support",
            exclude: ["check_imports.py", "install_packages.sh"],
            swiftSettings: settings
        ),
        .testTarget(
            name: "JOSETests",
            dependencies: ["TestSupport", "JOSE", crypto, cryptoExtras, .product(name: "JWTKit", package: "jwt-kit")],
            path: "Tests/Unit/JOSE",
            swiftSettings: settings
        ),
        .testTarget(
            name: "KeysTests",
            dependencies: ["TestSupport", "JOSE", "Keys", "Discovery", crypto],
            path: "Tests/Unit/Keys",
            swiftSettings: settings
        ),
        .testTarget(
            name: "PolicyTests",
            dependencies: ["TestSupport", "JOSE", "Policy"],
            path: "Tests/Unit/Policy",
            swiftSettings: settings
        ),
        .testTarget(
            name: "IssuerTests",
            dependencies: ["TestSupport", "JOSE", "Keys", "Discovery", "Policy", "Issuer", crypto],
            path: "Tests/Unit/Issuer",
            swiftSettings: settings
        ),
        .testTarget(
            name: "JobFileTests",
            dependencies: ["JOSE", "JobFile"],
            path: "Tests/Unit/JobFile",
            swiftSettings: settings
        ),
        .testTarget(
            name: "SPIFFETests",
            dependencies: ["TestSupport", "JOSE", "Keys", "SPIFFE", crypto, certificates, asn1],
            path: "Tests/Unit/SPIFFE",
            swiftSettings: settings
        ),
        .testTarget(
            name: "AttestationTests",
            dependencies: ["TestSupport", "JOSE", "Keys", "SPIFFE", "Attestation", crypto],
            path: "Tests/Unit/Attestation",
            swiftSettings: settings
        ),
        .testTarget(
            name: "AgentTests",
            dependencies: [
                "TestSupport", "JOSE", "Keys", "SPIFFE", "Attestation", "Agent", "WorkloadAPI", logging, lifecycle,
                grpc,
                grpcTransport, protobuf,
            ],
            path: "Tests/Integration/Agent",
            swiftSettings: settings
        ),
        .testTarget(
            name: "StoreTests",
            dependencies: [
                "TestSupport", "JOSE", "Keys", "Policy", "Issuer", "Storage", crypto, logging,
                .target(name: "PostgresStorage", condition: .when(traits: ["PostgreSQL"])),
            ],
            path: "Tests/Integration/Stores",
            swiftSettings: settings
        ),
        .testTarget(
            name: "ServerTests",
            dependencies: ["JOSE", "Keys", "Discovery", "Policy", "Issuer", "Server", logging, nioCore, nioHTTP1],
            path: "Tests/Integration/Server",
            swiftSettings: settings
        ),
        .testTarget(
            name: "PublicationTests",
            dependencies: ["JOSE", "Keys", "Discovery", "Publication", nioCore, nioPosix, nioHTTP1],
            path: "Tests/Integration/Publication",
            swiftSettings: settings
        ),
        .testTarget(
            name: "CLITests",
            dependencies: ["JOSE", "Keys", "Issuer", "Attestation", "Server", "CLI", logging, nioCore, nioPosix],
            path: "Tests/Integration/CLI",
            swiftSettings: settings
        ),
    ],
    swiftLanguageModes: [.v6]
)
