namespace Grpc.Core;

/// <summary>What a method knows about the call that it answers.</summary>
public abstract class ServerCallContext
{
    /// <summary>Path of the method: <c>/service/method</c>.</summary>
    public abstract string Method { get; }

    /// <summary>Host that the caller named.</summary>
    public abstract string Host { get; }

    /// <summary>Address of the caller: <c>ipv4:address:port</c> or <c>ipv6:[address]:port</c>.</summary>
    public abstract string Peer { get; }

    /// <summary>Instant (UTC) at which the caller stops waiting; <see cref="DateTime.MaxValue"/> for never.</summary>
    public abstract DateTime Deadline { get; }

    /// <summary>Metadata of the caller.</summary>
    public abstract Metadata RequestHeaders { get; }

    /// <summary>Fires when the caller went away or the deadline passed.</summary>
    public abstract CancellationToken CancellationToken { get; }

    /// <summary>Metadata that goes with the status.</summary>
    public abstract Metadata ResponseTrailers { get; }

    /// <summary>Status to end with when the method does not throw. Default OK.</summary>
    public abstract Status Status { get; set; }

    /// <summary>Sends headers before the first message.</summary>
    /// <exception cref="InvalidOperationException">They were sent before.</exception>
    public abstract Task WriteResponseHeadersAsync(Metadata responseHeaders);
}

/// <summary>Implementation of a method with one request and one response.</summary>
public delegate Task<TResponse> UnaryServerMethod<TRequest, TResponse>(TRequest request, ServerCallContext context)
    where TRequest : class
    where TResponse : class;

/// <summary>Implementation of a method with many requests and one response.</summary>
public delegate Task<TResponse> ClientStreamingServerMethod<TRequest, TResponse>(
    IAsyncStreamReader<TRequest> requestStream, ServerCallContext context)
    where TRequest : class
    where TResponse : class;

/// <summary>Implementation of a method with one request and many responses.</summary>
public delegate Task ServerStreamingServerMethod<TRequest, TResponse>(
    TRequest request, IServerStreamWriter<TResponse> responseStream, ServerCallContext context)
    where TRequest : class
    where TResponse : class;

/// <summary>Implementation of a method with many requests and many responses.</summary>
public delegate Task DuplexStreamingServerMethod<TRequest, TResponse>(
    IAsyncStreamReader<TRequest> requestStream, IServerStreamWriter<TResponse> responseStream, ServerCallContext context)
    where TRequest : class
    where TResponse : class;

/// <summary>Names the generated method that lists a service's methods.</summary>
[AttributeUsage(AttributeTargets.Class, Inherited = true)]
public class BindServiceMethodAttribute(Type bindType, string bindMethodName) : Attribute
{
    /// <summary>Class with the method.</summary>
    public Type BindType => bindType;

    /// <summary>Name of the method.</summary>
    public string BindMethodName => bindMethodName;
}

/// <summary>Is told each method of a service by generated code. The handlers are null when only the methods are asked for.</summary>
public abstract class ServiceBinderBase
{
    /// <summary>A method with one request and one response.</summary>
    public abstract void AddMethod<TRequest, TResponse>(
        Method<TRequest, TResponse> method, UnaryServerMethod<TRequest, TResponse>? handler)
        where TRequest : class
        where TResponse : class;

    /// <summary>A method with many requests and one response.</summary>
    public abstract void AddMethod<TRequest, TResponse>(
        Method<TRequest, TResponse> method, ClientStreamingServerMethod<TRequest, TResponse>? handler)
        where TRequest : class
        where TResponse : class;

    /// <summary>A method with one request and many responses.</summary>
    public abstract void AddMethod<TRequest, TResponse>(
        Method<TRequest, TResponse> method, ServerStreamingServerMethod<TRequest, TResponse>? handler)
        where TRequest : class
        where TResponse : class;

    /// <summary>A method with many requests and many responses.</summary>
    public abstract void AddMethod<TRequest, TResponse>(
        Method<TRequest, TResponse> method, DuplexStreamingServerMethod<TRequest, TResponse>? handler)
        where TRequest : class
        where TResponse : class;
}

/// <summary>
/// Is named by generated code only (<c>BindService(implementation)</c>): services are mapped with <c>MapGrpcService</c>,
/// which makes an instance for each call.
/// </summary>
public class ServerServiceDefinition
{
    private ServerServiceDefinition()
    {
    }

    /// <summary>Starts a definition.</summary>
    public static Builder CreateBuilder() => new();

    /// <summary>Collects nothing.</summary>
    public class Builder
    {
        /// <summary>Names a method with one request and one response.</summary>
        public Builder AddMethod<TRequest, TResponse>(
            Method<TRequest, TResponse> method, UnaryServerMethod<TRequest, TResponse> handler)
            where TRequest : class
            where TResponse : class => this;

        /// <summary>Names a method with many requests and one response.</summary>
        public Builder AddMethod<TRequest, TResponse>(
            Method<TRequest, TResponse> method, ClientStreamingServerMethod<TRequest, TResponse> handler)
            where TRequest : class
            where TResponse : class => this;

        /// <summary>Names a method with one request and many responses.</summary>
        public Builder AddMethod<TRequest, TResponse>(
            Method<TRequest, TResponse> method, ServerStreamingServerMethod<TRequest, TResponse> handler)
            where TRequest : class
            where TResponse : class => this;

        /// <summary>Names a method with many requests and many responses.</summary>
        public Builder AddMethod<TRequest, TResponse>(
            Method<TRequest, TResponse> method, DuplexStreamingServerMethod<TRequest, TResponse> handler)
            where TRequest : class
            where TResponse : class => this;

        /// <summary>Ends the definition.</summary>
        public ServerServiceDefinition Build() => new();
    }
}
