namespace Grpc.Core;

/// <summary>Starts calls. Generated clients end here.</summary>
public abstract class CallInvoker
{
    /// <summary>A call with one request and one response that blocks the thread.</summary>
    public abstract TResponse BlockingUnaryCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request)
        where TRequest : class
        where TResponse : class;

    /// <summary>A call with one request and one response.</summary>
    public abstract AsyncUnaryCall<TResponse> AsyncUnaryCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request)
        where TRequest : class
        where TResponse : class;

    /// <summary>A call with one request and many responses.</summary>
    public abstract AsyncServerStreamingCall<TResponse> AsyncServerStreamingCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request)
        where TRequest : class
        where TResponse : class;

    /// <summary>A call with many requests and one response.</summary>
    public abstract AsyncClientStreamingCall<TRequest, TResponse> AsyncClientStreamingCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method, string? host, CallOptions options)
        where TRequest : class
        where TResponse : class;

    /// <summary>A call with many requests and many responses.</summary>
    public abstract AsyncDuplexStreamingCall<TRequest, TResponse> AsyncDuplexStreamingCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method, string? host, CallOptions options)
        where TRequest : class
        where TResponse : class;
}

/// <summary>A way to one server.</summary>
public abstract class ChannelBase(string target)
{
    /// <summary>Host and port.</summary>
    public string Target => target;

    /// <summary>Starts calls on this channel.</summary>
    public abstract CallInvoker CreateCallInvoker();
}

/// <summary>Base of generated clients.</summary>
public abstract class ClientBase
{
    private readonly CallInvoker? _invoker;

    /// <summary>A client that cannot call: for test doubles.</summary>
    protected ClientBase()
    {
    }

    /// <summary>A client on this channel.</summary>
    protected ClientBase(ChannelBase channel)
        : this(channel.CreateCallInvoker())
    {
    }

    /// <summary>A client on this invoker.</summary>
    protected ClientBase(CallInvoker callInvoker) => _invoker = callInvoker;

    /// <summary>A client with this configuration.</summary>
    protected ClientBase(ClientBaseConfiguration configuration)
        : this(configuration.Invoker)
    {
    }

    /// <summary>Starts the client's calls.</summary>
    protected CallInvoker CallInvoker => _invoker ?? throw new InvalidOperationException("A test double without this method was called.");

    /// <summary>What a client can be copied with.</summary>
    protected internal class ClientBaseConfiguration
    {
        internal ClientBaseConfiguration(CallInvoker invoker) => Invoker = invoker;

        internal CallInvoker Invoker { get; }
    }
}

/// <summary>Base of generated clients.</summary>
public abstract class ClientBase<T> : ClientBase
    where T : ClientBase<T>
{
    /// <inheritdoc/>
    protected ClientBase()
    {
    }

    /// <inheritdoc/>
    protected ClientBase(ChannelBase channel)
        : base(channel)
    {
    }

    /// <inheritdoc/>
    protected ClientBase(CallInvoker callInvoker)
        : base(callInvoker)
    {
    }

    /// <inheritdoc/>
    protected ClientBase(ClientBaseConfiguration configuration)
        : base(configuration)
    {
    }

    /// <summary>A copy with another configuration.</summary>
    protected abstract T NewInstance(ClientBaseConfiguration configuration);
}
