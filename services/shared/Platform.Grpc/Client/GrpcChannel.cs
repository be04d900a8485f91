using Grpc.Core;
using Platform.Grpc.Client;
using Platform.Grpc.Wire;

namespace Grpc.Net.Client;

/// <summary>Settings of a channel.</summary>
public sealed class GrpcChannelOptions
{
    /// <summary>Sends the requests; null for one of the channel's own, which keeps connections alive and opens more when one is full.</summary>
    public HttpMessageHandler? HttpHandler { get; set; }

    /// <summary>Whether disposing the channel disposes <see cref="HttpHandler"/>. Default no.</summary>
    public bool DisposeHttpClient { get; set; }

    /// <summary>Longest response message in bytes; null for any. Default 4 MiB.</summary>
    public int? MaxReceiveMessageSize { get; set; } = Framing.DefaultMaxMessageLength;

    internal TimeProvider Clock { get; set; } = TimeProvider.System;
}

/// <summary>A way to one server over HTTP/2. Cheap to make over a shared handler; otherwise make one and keep it.</summary>
public sealed class GrpcChannel : ChannelBase, IDisposable
{
    private readonly bool _ownsHandler;

    private GrpcChannel(Uri address, GrpcChannelOptions options)
        : base(address.Authority)
    {
        _ownsHandler = options.HttpHandler is null || options.DisposeHttpClient;
        Address = address;
        Options = options;
        Http = new HttpMessageInvoker(options.HttpHandler ?? CreateHandler(), _ownsHandler);
    }

    internal Uri Address { get; }

    internal GrpcChannelOptions Options { get; }

    internal HttpMessageInvoker Http { get; }

    /// <summary>A channel to this address.</summary>
    /// <param name="address"><c>https://host:port</c>, or <c>http://host:port</c> for HTTP/2 without TLS (prior knowledge).</param>
    public static GrpcChannel ForAddress(string address) => ForAddress(new Uri(address));

    /// <inheritdoc cref="ForAddress(string)"/>
    public static GrpcChannel ForAddress(Uri address) => ForAddress(address, new GrpcChannelOptions());

    /// <summary>A channel to this address with settings.</summary>
    public static GrpcChannel ForAddress(string address, GrpcChannelOptions channelOptions) =>
        ForAddress(new Uri(address), channelOptions);

    /// <inheritdoc cref="ForAddress(string, GrpcChannelOptions)"/>
    public static GrpcChannel ForAddress(Uri address, GrpcChannelOptions channelOptions) =>
        address.Scheme is "http" or "https"
            ? new GrpcChannel(address, channelOptions)
            : throw new ArgumentException($"{address} is neither http:// nor https://.", nameof(address));

    /// <inheritdoc/>
    public override CallInvoker CreateCallInvoker() => new HttpCallInvoker(this);

    /// <summary>Closes the connections, unless the handler belongs to somebody else.</summary>
    public void Dispose() => Http.Dispose();

    /// <summary>A handler that notices a dead connection within 40 seconds and opens another when the streams of one are used up.</summary>
    internal static SocketsHttpHandler CreateHandler() => new()
    {
        EnableMultipleHttp2Connections = true,
        KeepAlivePingDelay = TimeSpan.FromSeconds(30),
        KeepAlivePingTimeout = TimeSpan.FromSeconds(10),
        KeepAlivePingPolicy = HttpKeepAlivePingPolicy.WithActiveRequests,
    };
}
