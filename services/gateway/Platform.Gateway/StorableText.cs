using System.Text.Json;
using System.Text.Json.Serialization;

namespace Platform.Gateway;

/// <summary>Text without U+0000: JSON can say it, PostgreSQL cannot store it.</summary>
internal sealed class StorableText : JsonConverter<string>
{
    public override string? Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        reader.GetString() is var text && text?.Contains('\0', StringComparison.Ordinal) is true
            ? throw new JsonException("Text must not contain U+0000.")
            : text;

    public override void Write(Utf8JsonWriter writer, string value, JsonSerializerOptions options) => writer.WriteStringValue(value);
}
