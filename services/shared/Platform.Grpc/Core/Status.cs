namespace Grpc.Core;

/// <summary>Outcome of a call: the sixteen errors of gRPC and OK.</summary>
public enum StatusCode
{
    /// <summary>Success.</summary>
    OK = 0,

    /// <summary>The caller ended the call.</summary>
    Cancelled = 1,

    /// <summary>An unhandled exception, or a status that the peer did not explain.</summary>
    Unknown = 2,

    /// <summary>The request can never succeed as it is.</summary>
    InvalidArgument = 3,

    /// <summary>The deadline passed first; the work may have been done all the same.</summary>
    DeadlineExceeded = 4,

    /// <summary>The named thing does not exist, or not for this caller.</summary>
    NotFound = 5,

    /// <summary>The thing to create is there already.</summary>
    AlreadyExists = 6,

    /// <summary>The caller is known and may not.</summary>
    PermissionDenied = 7,

    /// <summary>A quota, or the limit of a message's size.</summary>
    ResourceExhausted = 8,

    /// <summary>Not in this state of the system; do not retry before it changed.</summary>
    FailedPrecondition = 9,

    /// <summary>A concurrent change won; retry the whole transaction.</summary>
    Aborted = 10,

    /// <summary>Past the valid range.</summary>
    OutOfRange = 11,

    /// <summary>The server has no such method, or no such encoding.</summary>
    Unimplemented = 12,

    /// <summary>An invariant broke, often the protocol itself.</summary>
    Internal = 13,

    /// <summary>The server cannot be reached or is not ready; retry with backoff.</summary>
    Unavailable = 14,

    /// <summary>Unrecoverable loss of data.</summary>
    DataLoss = 15,

    /// <summary>The caller did not prove who it is.</summary>
    Unauthenticated = 16,
}

/// <summary>Code and explanation of how a call ended.</summary>
/// <param name="StatusCode">The code.</param>
/// <param name="Detail">Text for developers; travels to the caller.</param>
/// <param name="DebugException">What caused it on this side; never travels.</param>
public readonly record struct Status(StatusCode StatusCode, string Detail, Exception? DebugException = null)
{
    /// <summary>OK without detail.</summary>
    public static readonly Status DefaultSuccess = new(StatusCode.OK, "");

    /// <summary>Cancelled without detail.</summary>
    public static readonly Status DefaultCancelled = new(StatusCode.Cancelled, "");

    /// <inheritdoc/>
    public override string ToString() => $"Status(StatusCode=\"{StatusCode}\", Detail=\"{Detail}\")";
}

/// <summary>A call that ended with another status than OK. Thrown by clients, and by methods to choose their status.</summary>
public class RpcException : Exception
{
    /// <summary>An exception with this status and trailers.</summary>
    public RpcException(Status status, Metadata trailers, string message)
        : base(message, status.DebugException)
    {
        Status = status;
        Trailers = trailers;
    }

    /// <summary>An exception with this status and trailers.</summary>
    public RpcException(Status status, Metadata trailers)
        : this(status, trailers, status.ToString())
    {
    }

    /// <summary>An exception with this status.</summary>
    public RpcException(Status status, string message)
        : this(status, [], message)
    {
    }

    /// <summary>An exception with this status.</summary>
    public RpcException(Status status)
        : this(status, [])
    {
    }

    /// <summary>How the call ended.</summary>
    public Status Status { get; }

    /// <summary>Code of <see cref="Status"/>.</summary>
    public StatusCode StatusCode => Status.StatusCode;

    /// <summary>Metadata that came, or goes, with the status.</summary>
    public Metadata Trailers { get; }
}
