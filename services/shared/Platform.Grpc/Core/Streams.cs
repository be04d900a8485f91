using System.Runtime.CompilerServices;

namespace Grpc.Core;

/// <summary>Messages of the other side, one at a time.</summary>
public interface IAsyncStreamReader<out T>
{
    /// <summary>The message that the last <see cref="MoveNext"/> brought.</summary>
    T Current { get; }

    /// <summary>Waits for a message; false after the last. Cancelling ends the whole call.</summary>
    Task<bool> MoveNext(CancellationToken cancellationToken);
}

/// <summary>Messages to the other side; one write at a time.</summary>
public interface IAsyncStreamWriter<in T>
{
    /// <summary>Sends a message; completes when there is room for the next.</summary>
    Task WriteAsync(T message);

    /// <summary>Sends a message. Cancelling ends the whole call.</summary>
    Task WriteAsync(T message, CancellationToken cancellationToken);
}

/// <summary>Responses of a server.</summary>
public interface IServerStreamWriter<in T> : IAsyncStreamWriter<T>;

/// <summary>Requests of a client.</summary>
public interface IClientStreamWriter<in T> : IAsyncStreamWriter<T>
{
    /// <summary>Tells the server that no more requests come.</summary>
    Task CompleteAsync();
}

/// <summary>Reading a stream with <c>await foreach</c>.</summary>
public static class AsyncStreamReaderExtensions
{
    /// <summary>All messages until the stream ends.</summary>
    public static async IAsyncEnumerable<T> ReadAllAsync<T>(
        this IAsyncStreamReader<T> streamReader, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        while (await streamReader.MoveNext(cancellationToken))
        {
            yield return streamReader.Current;
        }
    }
}
