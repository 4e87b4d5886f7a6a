"""The built-in reader: a picture of a diagram in, its typed graph out, with nothing to fetch, no GPU and no network.

`reader.VisionReader` runs the stages; `parts` says what they hand on. Imports only `diagram`.

    load        files to pictures                     prepare     any picture to dark ink on light paper
    photo       photographs and scans of paper        ruling      the grid of a drawing canvas
    chroma      colour that JPEG kept at half size
    text        lines of words: text_ink (marks), text_lines, text_crop, text_read (which of ocr_tesseract,
                ocr_paddle and ocr_print, our own recogniser of print, to believe; letters, onnx), lexicon
    shapes      walls -> regions -> candidates (border, outlines, rings, dashes, sketch) -> selection -> containers
    icons       markers of events, gateways and tasks
    second_look words that the first pass could not see
    connectors  linework -> thinning -> network -> heads
    assemble    labels (whose is which text), naming (types) -> the diagram
"""
