using System.Buffers;

namespace Grpc.Core;

/// <summary>Which side of a call sends more than one message.</summary>
public enum MethodType
{
    /// <summary>One request, one response.</summary>
    Unary,

    /// <summary>Many requests, one response.</summary>
    ClientStreaming,

    /// <summary>One request, many responses.</summary>
    ServerStreaming,

    /// <summary>Many of both, independently.</summary>
    DuplexStreaming,
}

/// <summary>A method without its message types.</summary>
public interface IMethod
{
    /// <summary>Shape of the call.</summary>
    MethodType Type { get; }

    /// <summary>Service with package, for example <c>grpc.health.v1.Health</c>.</summary>
    string ServiceName { get; }

    /// <summary>Name within the service.</summary>
    string Name { get; }

    /// <summary>Path on the wire: <c>/service/method</c>.</summary>
    string FullName { get; }
}

/// <summary>A method with the way its messages become bytes. Made by generated code.</summary>
public class Method<TRequest, TResponse>(
    MethodType type,
    string serviceName,
    string name,
    Marshaller<TRequest> requestMarshaller,
    Marshaller<TResponse> responseMarshaller) : IMethod
{
    /// <inheritdoc/>
    public MethodType Type => type;

    /// <inheritdoc/>
    public string ServiceName => serviceName;

    /// <inheritdoc/>
    public string Name => name;

    /// <inheritdoc/>
    public string FullName { get; } = $"/{serviceName}/{name}";

    /// <summary>Bytes of requests.</summary>
    public Marshaller<TRequest> RequestMarshaller => requestMarshaller;

    /// <summary>Bytes of responses.</summary>
    public Marshaller<TResponse> ResponseMarshaller => responseMarshaller;
}

/// <summary>Turns messages of one type into bytes and back.</summary>
public class Marshaller<T>(Action<T, SerializationContext> serializer, Func<DeserializationContext, T> deserializer)
{
    /// <summary>Writes a message into the context.</summary>
    public Action<T, SerializationContext> ContextualSerializer => serializer;

    /// <summary>Reads a message from the context.</summary>
    public Func<DeserializationContext, T> ContextualDeserializer => deserializer;
}

/// <summary>Makes marshallers.</summary>
public static class Marshallers
{
    /// <summary>A marshaller of these two functions.</summary>
    public static Marshaller<T> Create<T>(
        Action<T, SerializationContext> serializer, Func<DeserializationContext, T> deserializer) => new(serializer, deserializer);
}

/// <summary>Where a message is written to: one whole array, or length, buffer writer and <see cref="Complete()"/>.</summary>
public abstract class SerializationContext
{
    /// <summary>Takes the whole message.</summary>
    public abstract void Complete(byte[] payload);

    /// <summary>Announces the length in bytes; before <see cref="GetBufferWriter"/>.</summary>
    public abstract void SetPayloadLength(int payloadLength);

    /// <summary>Takes the message piece by piece.</summary>
    public abstract IBufferWriter<byte> GetBufferWriter();

    /// <summary>Ends what was written to the buffer writer.</summary>
    public abstract void Complete();
}

/// <summary>Where a message is read from. Valid only while the deserializer runs.</summary>
public abstract class DeserializationContext
{
    /// <summary>Length in bytes.</summary>
    public abstract int PayloadLength { get; }

    /// <summary>The message as a copy.</summary>
    public abstract byte[] PayloadAsNewBuffer();

    /// <summary>The message in place.</summary>
    public abstract ReadOnlySequence<byte> PayloadAsReadOnlySequence();
}
