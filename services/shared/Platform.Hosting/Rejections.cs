using Grpc.Core;
using Platform.EventStore;

namespace Platform.Hosting;

/// <summary>Refusals on the wire: one vocabulary, each with its gRPC status.</summary>
public static class Rejections
{
    /// <summary>Trailer with <see cref="Rejection.Code"/>.</summary>
    public const string CodeTrailer = "platform-code";

    /// <summary>Trailer with <see cref="Rejection.Title"/>.</summary>
    public const string TitleTrailer = "platform-title";

    /// <summary>The refusal as a gRPC error: status by kind, detail as message, code and title as trailers.</summary>
    public static RpcException ToRpcException(this Rejection rejection)
    {
        var status = rejection.Kind switch
        {
            RejectionKind.Invalid => StatusCode.InvalidArgument,
            RejectionKind.NotFound => StatusCode.NotFound,
            RejectionKind.Conflict => StatusCode.FailedPrecondition,
            RejectionKind.Forbidden => StatusCode.PermissionDenied,
            _ => throw new ArgumentOutOfRangeException(nameof(rejection), rejection.Kind, "Unknown kind of refusal."),
        };
        var trailers = new Metadata { { CodeTrailer, rejection.Code }, { TitleTrailer, rejection.Title } };
        return new RpcException(new Status(status, rejection.Detail), trailers);
    }

    /// <summary>The accepted events; a refusal is thrown as <see cref="RpcException"/>. For gRPC methods.</summary>
    public static IReadOnlyList<TEvent> OrThrow<TEvent>(this Decision<TEvent> decision)
        where TEvent : class => decision switch
        {
            Decision<TEvent>.Accepted accepted => accepted.Events,
            Decision<TEvent>.Rejected rejected => throw rejected.Reason.ToRpcException(),
            _ => throw new System.Diagnostics.UnreachableException(),
        };
}
