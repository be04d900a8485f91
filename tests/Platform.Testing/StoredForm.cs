using System.Net;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Platform.Testing;

/// <summary>How failure messages and comparisons show an event: its members as JSON, network types as text.</summary>
internal static class StoredForm
{
    public static JsonSerializerOptions Json { get; } = new()
    {
        Converters =
        {
            new Text<IPNetwork>(),
            new Text<IPAddress>(),
        },
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    private sealed class Text<T> : JsonConverter<T>
    {
        public override T Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
            throw new NotSupportedException();

        public override void Write(Utf8JsonWriter writer, T value, JsonSerializerOptions options) =>
            writer.WriteStringValue(value?.ToString());
    }
}
